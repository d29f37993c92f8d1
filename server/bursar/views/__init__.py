"""From domain values to editor-neutral text: lenses, hints, findings, the meter, reports. Plain data, no editor."""
