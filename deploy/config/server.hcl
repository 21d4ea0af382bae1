# A single durable server with two services whose health is checked over HTTP:
#   consul-actord agent -config-file=deploy/config/server.hcl -data-dir=/var/lib/consul
# The services themselves, for a try by hand:
#   nginx -p "$PWD" -c deploy/config/nginx.conf       (serves on port 8080)
#   python3 -m http.server 8081 --bind 127.0.0.1

server           = true
bootstrap_expect = 1
bind_addr        = "127.0.0.1"
client_addr      = "127.0.0.1"

dns_config {
  # A server that answers its check slowly, with a warning, is still found; one that fails never is.
  only_passing = false
}

services {
  id   = "nginx"
  name = "web"
  tags = ["nginx"]
  port = 8080

  check {
    id       = "nginx-answers"
    name     = "nginx answers"
    http     = "http://127.0.0.1:8080/"
    interval = "1s"
    timeout  = "500ms"
  }
}

services {
  id   = "files"
  name = "files"
  tags = ["python"]
  port = 8081
  meta { root = "here" }

  check {
    id       = "files-answers"
    name     = "files answers"
    http     = "http://127.0.0.1:8081/"
    interval = "1s"
    timeout  = "500ms"
  }
}
