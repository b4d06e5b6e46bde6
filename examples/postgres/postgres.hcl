# One PostgreSQL. Before the first apply, give it a password that Git never sees:
#
#   writ config set -s data -n pg POSTGRES_PASSWORD=-      (reads the value from standard input)

statefulset "data" "pg" {
  image    = "postgres:15-alpine"
  replicas = 1

  env = {
    POSTGRES_DB = "shop"
    # A folder inside the volume: initdb wants an empty one, and some file systems put lost+found at the top.
    PGDATA = "/var/lib/postgresql/data/pgdata"
  }

  ports = ["5432"]

  volume_claim "data" {
    mount_path = "/var/lib/postgresql/data"
  }
}
