"""The VIP route at work: its driver, the levels it joins with, and what the dashboard reads of it."""
