statefulset "guarded" "app" {
  image = "example/app:1"
  volume_claim "../../etc" {
    mount_path = "/data"
  }
}
