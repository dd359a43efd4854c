"""The web page: one module a tab, all HTML made in Python with autoescaping."""
