"""Who is where: counts a zone, and the proof that they equal a replay."""
