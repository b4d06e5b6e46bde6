# Redis whose append-only file lives in the pod's volume and survives restarts, new images and scaling.

statefulset "data" "cache" {
  image    = "redis:7-alpine"
  replicas = 1
  command  = ["redis-server", "--appendonly", "yes"]
  ports    = ["6379"]

  volume_claim "data" {
    mount_path = "/data"
  }
}
