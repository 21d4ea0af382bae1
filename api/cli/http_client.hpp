// A blocking client of the HTTP API over TCP, TLS or a unix socket. One request at a time; the connection is kept and
// used again. Error texts are those of Consul's Go client: `Get "http://…": dial tcp …: connect: connection refused`.
#pragma once
#include "runtime/base/duration.hpp"
#include "runtime/base/error.hpp"
#include "runtime/net/http_exchange.hpp"
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace actord::cli {

using query_list = std::vector<std::pair<std::string, std::string>>;

struct client_settings {
  std::string address = "127.0.0.1:8500"; // host:port, http://…, https://… or unix://path
  std::string token, token_file;
  std::string ca_file, ca_path, client_cert, client_key, tls_server_name;
  std::string user_password; // "user:pw" for basic authentication
  bool tls = false;          // https unless the address says otherwise
  bool verify = true;
  nanos patience{0};         // for connecting and for each read; 0: for ever
};

struct api_request {
  std::string method = "GET";
  std::string path = {}; // unescaped; every byte outside Go's path set is escaped when sent
  query_list query = {};
  std::string body = {};
  std::string raw_target = {};         // sent as it is, instead of path and query
  net::http_headers headers = {};      // further ones
  std::function<bool(std::string_view)> on_body = {}; // streams a 200's body; false ends the request
  size_t kept_body = ~size_t{0};       // so many bytes of the answer are kept, the rest is read and counted
};

struct api_response {
  int code = 0;
  std::string body = {};
  uint64_t index = 0;            // X-Consul-Index
  std::string content_hash = {}; // X-Consul-ContentHash
  uint64_t body_bytes = 0;       // of which `body` keeps as many as were asked for
};

class http_client {
public:
  // Reads the token file and the certificates; does not connect.
  static result<std::unique_ptr<http_client>> open(client_settings settings);
  ~http_client();

  // Any status is a response; the error is for what never arrived.
  result<api_response> send(const api_request& request);
  // Anything but 200 is an error `Unexpected response code: 500 (text)`.
  result<api_response> call(const api_request& request);

  // From another thread: a request that is under way fails at once, as do all later ones.
  void interrupt();

  // "http://127.0.0.1:8500/v1/kv/a?dc=x", as Go's errors show it.
  std::string url_of(const api_request& request) const;

private:
  http_client();
  struct state;
  result<api_response> exchange(const api_request& request, const std::string& bytes, bool& nothing_came);
  std::unique_ptr<state> s_;
};

} // namespace actord::cli
