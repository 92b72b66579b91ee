"""CAD modules: each looks at one feature of a picture of the categories that it serves."""
