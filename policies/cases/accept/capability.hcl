statefulset "guarded" "app" {
  image = "example/app:1"
  cap_add = ["CAP_NET_BIND_SERVICE"]
}
