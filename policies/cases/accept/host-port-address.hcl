statefulset "guarded" "app" {
  image = "example/app:1"
  ports = ["8080:80"]
}
