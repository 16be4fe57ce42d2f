"""Tables of an existing database, polled: their rows become versions on compacted topics."""
