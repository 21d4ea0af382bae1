#include "actors/agent/registration_files.hpp"
#include "runtime/base/json_codec.hpp"
#include "runtime/base/log.hpp"
#include <filesystem>
#include <fstream>
#include <openssl/evp.h>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>
#include <fcntl.h>

namespace actord::agent {

namespace fs = std::filesystem;

namespace {

std::string md5_hex(std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  EVP_Digest(text.data(), text.size(), digest, &length, EVP_md5(), nullptr);
  std::string out;
  for (unsigned i = 0; i < length; ++i) out += fmt::format("{:02x}", digest[i]);
  return out;
}

std::string_view source_text(source s) { return s == source::self ? "local" : "remote"; }

// Consul's CheckType as it is written to disk: durations are nanoseconds.
struct check_type_file {
  check_registration c;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("CheckID", s.c.id);
    v("Name", s.c.name);
    v("Status", s.c.status);
    v("Notes", s.c.notes);
    v("ScriptArgs", s.c.script_args);
    v("HTTP", s.c.http);
    v("Header", s.c.header);
    v("Method", s.c.method);
    v("Body", s.c.body);
    v("TCP", s.c.tcp);
    v("Interval", s.c.interval, {.numeric = true});
    v("AliasNode", s.c.alias_node);
    v("AliasService", s.c.alias_service);
    v("DockerContainerID", s.c.docker_container_id);
    v("Shell", s.c.shell);
    v("GRPC", s.c.grpc);
    v("GRPCUseTLS", s.c.grpc_use_tls);
    v("TLSSkipVerify", s.c.tls_skip_verify);
    v("Timeout", s.c.timeout, {.numeric = true});
    v("TTL", s.c.ttl, {.numeric = true});
    v("SuccessBeforePassing", s.c.success_before_passing);
    v("FailuresBeforeCritical", s.c.failures_before_critical);
    v("ProxyHTTP", s.c.proxy_http);
    v("ProxyGRPC", s.c.proxy_grpc);
    v("DeregisterCriticalServiceAfter", s.c.deregister_critical_service_after, {.numeric = true});
    v("OutputMaxSize", s.c.output_max_size);
  }
};

struct persisted_service {
  std::string token, origin;
  node_service service;
  bool sidecar = false;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Token", s.token);
    v("Service", s.service);
    v("Source", s.origin);
    v("LocallyRegisteredAsSidecar", s.sidecar, {.omit_empty = true});
  }
};

struct persisted_check {
  health_check check;
  boxed<check_type_file> type;
  std::string token, origin;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Check", s.check);
    v("ChkType", s.type);
    v("Token", s.token);
    v("Source", s.origin);
  }
};

struct persisted_check_state {
  std::string check_id, output, status;
  int64_t expires = 0;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("CheckID", s.check_id);
    v("Output", s.output);
    v("Status", s.status);
    v("Expires", s.expires);
  }
};

std::string slurp(const fs::path& p) {
  std::ifstream in(p, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return std::move(out).str();
}

// Each regular file of a folder, decoded; what does not decode is left where it is, as Consul does.
template <class Record, class F> void each_file(const fs::path& folder, F use) {
  std::error_code ignored;
  for (auto& entry : fs::directory_iterator(folder, ignored)) {
    std::error_code bad;
    const std::string name = entry.path().filename().string();
    if (!entry.is_regular_file(bad) || name.ends_with(".tmp") || entry.file_size(bad) > 16 * 1024 * 1024) continue;
    Record r;
    if (auto s = from_json(slurp(entry.path()), r, {.allow_unknown = true}); !s) {
      log::err("agent", "Failed decoding file: file={} error=\"{}\"", entry.path().string(), s.err().text);
      continue;
    }
    use(entry.path(), r);
  }
}

} // namespace

std::string service_path(std::string_view id) { return "services/" + md5_hex(id); }
std::string check_path(std::string_view id) { return "checks/" + md5_hex(id); }
std::string check_state_path(std::string_view id) { return "checks/state/" + md5_hex(id); }

std::string service_file(const local_service& s) {
  return to_json(persisted_service{s.token, std::string(source_text(s.from)), *s.record, s.record->locally_registered_as_sidecar});
}

std::string check_file(const local_check& c) {
  persisted_check p;
  p.check = *c.record;
  if (c.how) p.type = check_type_file{*c.how};
  p.token = c.token;
  p.origin = source_text(c.from);
  return to_json(p);
}

std::string check_state_file(const health_check& c, int64_t expires) {
  return to_json(persisted_check_state{c.check_id, c.output, c.status, expires});
}

status apply_changes(const std::string& data_dir, const std::vector<file_change>& changes) {
  const std::string temporary = data_dir + "/agent-file.tmp";
  for (auto& c : changes) {
    const std::string path = data_dir + "/" + c.path;
    if (!c.content) {
      ::unlink(path.c_str()); // absent is as good as removed
      continue;
    }
    for (int attempt = 0;; ++attempt) {
      const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
      bool fine = fd >= 0;
      if (fine) {
        fine = ::write(fd, c.content->data(), c.content->size()) == static_cast<ssize_t>(c.content->size());
        ::close(fd);
      }
      if (fine && ::rename(temporary.c_str(), path.c_str()) == 0) break;
      const int code = errno;
      if (attempt > 0 || code != ENOENT)
        return error{errc::storage_full, "failed writing " + path + ": " + std::error_code(code, std::generic_category()).message()};
      for (const char* folder : {"/services", "/checks", "/checks/state"}) ::mkdir((data_dir + folder).c_str(), 0700);
    }
  }
  return {};
}

void restore_services(const std::string& data_dir, local_state& state) {
  const fs::path root(data_dir);
  each_file<persisted_service>(root / "services", [&](const fs::path& path, persisted_service& p) {
    std::error_code ignored;
    p.service.locally_registered_as_sidecar = p.sidecar;
    const std::string id = p.service.id.empty() ? p.service.service : p.service.id;
    // What a configuration file registers wins over what was registered by an API call.
    if (!state.restore_service(std::move(p.service), p.token, false)) {
      log::debug("agent", "Service exists, not restoring from file: service={} file={}", id, path.string());
      fs::remove(path, ignored);
    }
  });
}

void restore_checks(const std::string& data_dir, local_state& state, nanos now, int64_t unix_now) {
  const fs::path root(data_dir);
  each_file<persisted_check>(root / "checks", [&](const fs::path& path, persisted_check& p) {
    std::error_code ignored;
    boxed<check_registration> how;
    if (p.type) how = p.type->c;
    const std::string id = p.check.check_id;
    const source from = p.type ? source::api : source::self;
    if (!state.restore_check(std::move(p.check), std::move(how), p.token, from, now)) {
      log::debug("agent", "Check exists or has no service, not restoring from file: check={} file={}", id, path.string());
      fs::remove(path, ignored);
    }
  });
  each_file<persisted_check_state>(root / "checks" / "state", [&](const fs::path& path, persisted_check_state& p) {
    std::error_code ignored;
    if (p.expires < unix_now) fs::remove(path, ignored);
    else state.restore_check_state(p.check_id, p.status, p.output);
  });
}

} // namespace actord::agent
