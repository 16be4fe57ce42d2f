"""Daily work: jobs run when they are due, one after the other, each in a process of its own."""
