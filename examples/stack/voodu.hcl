# A whole stack from one commit: a database, a cache, and a shop behind a host name in front of them.
#
# What is secret stands in buckets of the host, set before the first commit is applied:
#
#   writ config set -s data -n pg POSTGRES_PASSWORD=…
#   writ config set -s shop DATABASE_URL=postgres://postgres:…@pg-0.data:5432/pg
#   writ config set -s shop REDIS_URL=redis://shop:…@cache-0.data:6379/0

# ── Settings of the servers ──────────────────────────────────────────────────────────────────────────────────────────

asset "data" "pg-settings" {
  server = file("./configs/postgresql.conf")
  access = file("./configs/pg_hba.conf")
}

# A file that lives elsewhere is taken by url("https://…"); its contents are then not signed by the commit.
asset "data" "cache-settings" {
  server = file("./configs/redis.conf")
  users  = file("./configs/users.acl")
}

# ── Servers, each with a volume of its own ───────────────────────────────────────────────────────────────────────────

postgres "data" "pg" {
  image   = "postgres:15-alpine"
  command = ["postgres", "-c", "config_file=/etc/pg/server.conf", "-c", "hba_file=/etc/pg/access.conf"]

  volumes = [
    "${asset.data.pg-settings.server}:/etc/pg/server.conf:ro",
    "${asset.data.pg-settings.access}:/etc/pg/access.conf:ro",
  ]

  plugin {
    version = "0.2.0"
  }
}

redis "data" "cache" {
  image   = "redis:7-alpine"
  command = ["redis-server", "/etc/redis/server.conf"]

  volumes = [
    "${asset.data.cache-settings.server}:/etc/redis/server.conf:ro",
    "${asset.data.cache-settings.users}:/etc/redis/users.acl:ro",
  ]
}

# ── What people see ──────────────────────────────────────────────────────────────────────────────────────────────────

app "shop" "web" {
  image    = "shop:1.4.0"
  replicas = 3
  ports    = ["8080"]
  env      = { TITLE = "The shop" }

  health_check = "/healthz"
  host         = "shop.example.org"

  tls {
    email = "ops@example.org"
  }
}
