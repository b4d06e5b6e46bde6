# Judged by: host_paths = ["/srv"]
statefulset "guarded" "app" {
  image = "example/app:1"
  volumes = ["/srv/shared:/shared"]
}
