-- Fills the tables of gold, features and ops; what was migrated is for the owner to note.
grant connect, temporary on database {database} to {role};
grant usage on schema ops, gold, features to {role};
grant select, insert, update, delete on all tables in schema ops, gold, features to {role};
revoke insert, update, delete on ops.migrations from {role};
alter default privileges in schema ops, gold, features grant select, insert, update, delete on tables to {role};
