statefulset "guarded" "app" {
  image = "example/app:1"
  volumes = ["disk:/disk"]
}
