# Judged by: ingress_hosts = ["shop.example.org"]
app "guarded" "app" {
  image = "example/app:1"
  ports = ["8080"]
  host  = "shop.example.org"
}
