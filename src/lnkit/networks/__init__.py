"""From a backbone's name to a loss network: weights, cutting, inspection. All but the weights' files need torch."""
