statefulset "guarded" "app" {
  image = "example/app:1"
  extra_hosts = ["db:10.0.0.1"]
}
