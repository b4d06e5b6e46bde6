statefulset "guarded" "app" {
  image = "example/app:1"
  ports = ["0.0.0.0:8080:80"]
}
