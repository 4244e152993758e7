"""Downloader middlewares and what stands between a request and the network."""
