-- The two roles of an installation on PostgreSQL. Run once as the server's administrator:
--     psql -v ON_ERROR_STOP=1 -d callcenter -f postgresql-roles.sql
-- and give each a password afterwards: \password callcenter_owner, \password callcenter_app
--
-- callcenter_owner  owns the tables: migrate, backup, restore. It sees every city (BYPASSRLS), because a
--                   dump that misses rows would be worse than none.
-- callcenter_app    web, worker and beat: owns nothing and cannot step round row-level security.
CREATE ROLE callcenter_owner LOGIN BYPASSRLS;
CREATE ROLE callcenter_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;

GRANT USAGE, CREATE ON SCHEMA public TO callcenter_owner;
GRANT USAGE ON SCHEMA public TO callcenter_app;

-- Tables that are there already (an installation that starts to use two roles: let callcenter_owner own them).
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO callcenter_app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO callcenter_app;

-- Tables that migrations will make.
ALTER DEFAULT PRIVILEGES FOR ROLE callcenter_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO callcenter_app;
ALTER DEFAULT PRIVILEGES FOR ROLE callcenter_owner IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO callcenter_app;
