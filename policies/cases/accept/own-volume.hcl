statefulset "guarded" "app" {
  image = "example/app:1"
  volume_claim "data" {
    mount_path = "/data"
  }
}
