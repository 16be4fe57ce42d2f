-- Reads the tables of gold.
grant connect on database {database} to {role};
grant usage on schema gold to {role};
grant select on all tables in schema gold to {role};
alter default privileges in schema gold grant select on tables to {role};
