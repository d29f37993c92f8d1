"""Values in, values out: no clock, disk, socket or editor is known here."""
