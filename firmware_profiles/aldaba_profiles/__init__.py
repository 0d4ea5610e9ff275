"""What a device is, in data: readers, locks, boards and turnstiles."""
