# Three pods, three names (pg-0.data, pg-1.data, pg-2.data), three volumes, and three databases that know nothing of
# each other: whoever wants replication brings an image or an init container that sets it up.


statefulset "data" "pg" {
  image    = "postgres:15-alpine"
  replicas = 3

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
