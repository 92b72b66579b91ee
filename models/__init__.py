"""Model bundles: a quantised network, its card and its golden vectors, one folder each."""
