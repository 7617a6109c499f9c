"""The benchmark `bapps`: does a loss network judge similarity as people do?"""
