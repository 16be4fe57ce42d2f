-- Reads the schema dashboard, which holds views only, and no table.
grant connect on database {database} to {role};
grant usage on schema dashboard to {role};
grant select on all tables in schema dashboard to {role};
alter default privileges in schema dashboard grant select on tables to {role};
