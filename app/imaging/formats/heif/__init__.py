"""The container of AVIF and HEIC files: items with properties, in boxes of ISO base media files."""
