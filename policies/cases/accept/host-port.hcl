# Judged by: host_ports = ["free", "8000-8999"]
statefulset "guarded" "app" {
  image = "example/app:1"
  ports = ["443", "8080:80"]
}
