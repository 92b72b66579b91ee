"""The serial link to the microcontroller: foot switch, freeze and exposure lines, lamp."""
