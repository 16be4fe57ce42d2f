"""The live page: one reader of Postgres, shared by everybody who looks."""
