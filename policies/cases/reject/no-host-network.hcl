statefulset "guarded" "app" {
  image = "example/app:1"
  network_mode = "host"
}
