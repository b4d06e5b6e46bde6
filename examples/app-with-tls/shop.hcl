# Three replicas behind a host name. The host's ingress, a container called voodu-caddy, ends the encryption, gets the
# certificate and asks only those that answer /healthz.
app "shop" "web" {
  image    = "nginx:1.27"
  replicas = 3
  ports    = ["8080"]

  health_check = "/healthz"
  host         = "shop.example.org"

  tls {
    email = "ops@example.org"
  }
}

deployment "shop" "api" {
  image = "api:2.4"
  ports = ["3000"]
}

# Another host name, and one of its paths elsewhere.
ingress "shop" "api" {
  host = "api.example.org"

  location "/status" {
    service = "web"
  }

  tls {}
}
