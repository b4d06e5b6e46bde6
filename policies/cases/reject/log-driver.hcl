statefulset "guarded" "app" {
  image = "example/app:1"
  logs { driver = "syslog" }
}
