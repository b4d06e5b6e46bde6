statefulset "guarded" "app" {
  image = "example/app:1"
  cap_add = ["SYS_ADMIN"]
}
