# Assets mounted key by key, a bucket, claims, an init container and two scopes.
asset "data" "pg-config" {
  postgresql_conf = file("./postgresql.conf")
  pg_hba_conf     = file("./pg_hba.conf")
}

statefulset "data" "pg" {
  image    = "postgres:15-alpine"
  replicas = 2
  command  = ["postgres", "-c", "config_file=/etc/postgresql/postgresql.conf"]

  env = {
    POSTGRES_DB = "myapp"
    PGDATA      = "/var/lib/postgresql/data/pgdata"
  }

  ports   = ["5432"]
  volumes = ["${asset.data.pg-config.postgresql_conf}:/etc/postgresql/postgresql.conf:ro"]

  volume_claim "data" {
    mount_path = "/var/lib/postgresql/data"
  }
}

deployment "web" "app" {
  image    = "example/app:1"
  replicas = 2
  ports    = ["127.0.0.1::8080"]
}
