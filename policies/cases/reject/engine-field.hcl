statefulset "guarded" "app" {
  image = "example/app:1"
  docker_options = ["--dns=10.0.0.1"]
}
