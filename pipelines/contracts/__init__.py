"""What the data is: wire records, tables, topics, rules and plug-in protocols. No I/O."""
