-- Reads the tables of gold and of the feature sets.
grant connect on database {database} to {role};
grant usage on schema gold, features to {role};
grant select on all tables in schema gold, features to {role};
alter default privileges in schema gold, features grant select on tables to {role};
