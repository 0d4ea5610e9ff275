"""The adapters that touch hardware; only bootstrap names them."""
