"""edge-cad: picture in, report out, on the box beside the machine."""
