"""Pages of text as pictures, made the same everywhere: what reading is tested and measured on."""
