#include "actors/agent/registration_files.hpp"
#include "runtime/base/file_wait.hpp"
#include "runtime/base/files.hpp"
#include "runtime/base/json_codec.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/simulated_disk.hpp"
#include <algorithm>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

namespace actord::agent {

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

constexpr size_t most_file_bytes = 16 * 1024 * 1024;

// Consul's words for what could not be read.
struct words { const char *folder, *file, *decoding; };
constexpr words of_services{"Failed reading services dir", "failed reading service file", "Failed decoding service file"};
constexpr words of_checks{"Failed reading checks dir", "failed reading check file", "Failed decoding check file"};

bool is_digest(std::string_view name) { return name.size() == 32 && name.find_first_not_of("0123456789abcdef") == name.npos; }

bool is_folder(const std::string& path) {
  struct stat st{};
  return ::stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode);
}

// Folders are none of its files, as with Consul, unless one has the name of a file.
// Calls use(path, text) for each file of a folder as it is to be: what is pending counts more than what is there. A text that is an
// error: the file could not be read; what use() makes of it ends the walk.
template <class F> status each_file(const std::string& data_dir, const std::string& folder, const pending_files& pending, const char* wrong, F use) {
  auto names = list_files(data_dir + "/" + folder, true);
  if (!names) return error{names.err().code, std::string(wrong) + " \"" + data_dir + "/" + folder + "\": " + names.err().text};
  std::set<std::string> paths;
  if (*names)
    for (auto& name : **names)
      if (!name.ends_with(".tmp") && (is_digest(name) || !is_folder(data_dir + "/" + folder + "/" + name))) paths.insert(folder + "/" + name);
  for (auto it = pending.lower_bound(folder + "/"); it != pending.end() && it->first.starts_with(folder + "/"); ++it)
    if (it->first.find('/', folder.size() + 1) == std::string::npos) paths.insert(it->first);
  for (auto& path : paths) {
    auto newer = pending.find(path);
    auto text = newer != pending.end() ? lookup<std::string>(newer->second) : read_file(data_dir + "/" + path, most_file_bytes);
    if (text && !*text) {
      if (newer != pending.end()) continue;
      text = file_error("open", data_dir + "/" + path, ENOENT); // its name is there: a link whose target is away
    }
    if (auto s = use(path, text ? result<std::string>(std::move(**text)) : result<std::string>(text.err())); !s) return s;
  }
  return {};
}

// Decodes each; what does not decode is left where it is, as Consul does.
template <class Record, class F>
status each_record(const std::string& data_dir, const std::string& folder, const pending_files& pending, const words& w, restored_files& out, F use) {
  return each_file(data_dir, folder, pending, w.folder, [&](const std::string& path, result<std::string> text) -> status {
    const std::string file = data_dir + "/" + path;
    Record r;
    status decoded;
    if (text) decoded = from_json(*text, r, {.allow_unknown = true});
    else if (text.err().code == errc::too_large) decoded = text.err();
    else return error{text.err().code, std::string(w.file) + " \"" + file + "\": " + text.err().text};
    if (decoded) decoded = use(path, r);
    if (!decoded) {
      log::err("agent", "{}, the catalog keeps what it has of it: file={} error=\"{}\"", w.decoding, file, decoded.err().text);
      out.unusable.insert(path);
    }
    return {};
  });
}

template <class Record> struct found_file {
  std::string path, own_path; // where it was found, and where it is written
  Record record;
};

// Files under names that are not theirs (a copy that somebody made) come last: they must not stand in for what was registered since.
template <class Record> void own_names_first(std::vector<found_file<Record>>& all) {
  std::stable_partition(all.begin(), all.end(), [](auto& f) { return f.path == f.own_path; });
}

status write_one(const std::string& data_dir, const file_change& c) {
  if (disk_now() == disk::gone || (disk_now() == disk::full && c.content)) return file_error("write", data_dir + "/" + c.path, ENOSPC);
  const std::string path = data_dir + "/" + c.path, temporary = data_dir + "/agent-file.tmp";
  if (!c.content) return ::unlink(path.c_str()) == 0 || errno == ENOENT ? status() : status(file_error("remove", path));
  const auto fd = open_fresh(temporary);
  if (!fd) return fd.err();
  auto s = write_all(*fd, *c.content, path);
  ::close(*fd);
  if (s && ::rename(temporary.c_str(), path.c_str()) != 0) {
    if (errno != ENOENT) s = file_error("rename to", path);
    else if (s = make_folder(path.substr(0, path.rfind('/'))); s && ::rename(temporary.c_str(), path.c_str()) != 0) s = file_error("rename to", path);
  }
  if (!s) ::unlink(temporary.c_str());
  return s;
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

status write_durably(const std::string& data_dir, std::vector<file_change>& changes) {
  if (changes.empty()) return {};
  const file_wait waits(data_dir);
  // Open before the first write, so that no failure to write it back goes unseen.
  const int folder = ::open(data_dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return file_error("open", data_dir);
  status first;
  bool full = false;
  std::vector<file_change> failed, done;
  for (auto& c : changes) {
    // On a full disk one try is enough; removing makes room.
    auto s = full && c.content ? first : write_one(data_dir, c);
    if (!s && first) first = s;
    full |= !s && s.err().code == errc::storage_full;
    (s ? done : failed).push_back(std::move(c));
  }
  changes = std::move(failed);
  if (::syncfs(folder) != 0) {
    if (first) first = file_error("sync", data_dir);
    changes.insert(changes.end(), std::make_move_iterator(done.begin()), std::make_move_iterator(done.end()));
  }
  ::close(folder);
  return first;
}

status restore_services(const std::string& data_dir, const pending_files& pending, local_state& state, restored_files& out) {
  std::vector<found_file<persisted_service>> all;
  std::vector<file_change> moved;
  auto s = each_record<persisted_service>(data_dir, "services", pending, of_services, out, [&](const std::string& path, persisted_service& p) -> status {
    if (p.service.service.empty()) return error{errc::corrupt, "it names no service"};
    if (p.service.id.empty()) p.service.id = p.service.service;
    p.service.locally_registered_as_sidecar = p.sidecar;
    auto own = service_path(p.service.id);
    all.push_back({path, std::move(own), std::move(p)});
    return {};
  });
  if (!s) return s;
  own_names_first(all);
  for (auto& f : all) {
    const std::string id = f.record.service.id;
    // What a configuration file registers wins over what was registered by an API call.
    if (!state.restore_service(std::move(f.record.service), f.record.token, false)) {
      log::debug("agent", "Service exists, not restoring from file: service={} file={}", id, f.path);
    } else {
      if (f.path == f.own_path) continue;
      moved.push_back({f.own_path, service_file(state.services().find(id)->second)});
    }
    out.obsolete.push_back({f.path, std::nullopt}); // or the service would come back once it is deregistered
  }
  // After what is removed: two may have each other's name.
  out.obsolete.insert(out.obsolete.end(), std::make_move_iterator(moved.begin()), std::make_move_iterator(moved.end()));
  return {};
}

status restore_checks(const std::string& data_dir, const pending_files& pending, local_state& state, nanos now, int64_t unix_now, restored_files& out) {
  // Which service an unusable file was of is not known: a check without one may be of that.
  const bool services_missing = !out.unusable.empty();
  std::vector<found_file<persisted_check>> all;
  std::vector<file_change> moved;
  auto s = each_record<persisted_check>(data_dir, "checks", pending, of_checks, out, [&](const std::string& path, persisted_check& p) -> status {
    if (p.check.check_id.empty()) return error{errc::corrupt, "it names no check"};
    auto own = check_path(p.check.check_id);
    all.push_back({path, std::move(own), std::move(p)});
    return {};
  });
  if (!s) return s;
  own_names_first(all);
  for (auto& f : all) {
    auto& p = f.record;
    boxed<check_registration> how;
    if (p.type) how = p.type->c;
    const std::string id = p.check.check_id, service = p.check.service_id;
    const source from = p.type ? source::api : source::self;
    if (state.restore_check(std::move(p.check), std::move(how), p.token, from, now)) {
      const auto it = state.checks().find(id);
      if (f.path == f.own_path || it == state.checks().end() || state.restore_refused().code != errc::none) continue;
      moved.push_back({f.own_path, check_file(it->second)});
    } else if (services_missing && !service.empty() && !state.services().contains(service)) {
      log::warn("agent", "Failed to restore check: check={} error=\"ServiceID \"{}\" does not exist\"", id, service);
      out.unusable.insert(f.path);
      continue;
    } else if (state.checks().contains(id) || (!service.empty() && !state.services().contains(service))) {
      log::debug("agent", "Check exists or has no service, not restoring from file: check={} file={}", id, f.path);
    } else { // forgotten, as by Consul
      log::warn("agent", "Failed to restore check: check={} error=\"what it asks for is not valid, or scripts are not enabled on this agent\"", id);
    }
    out.obsolete.push_back({f.path, std::nullopt});
  }
  out.obsolete.insert(out.obsolete.end(), std::make_move_iterator(moved.begin()), std::make_move_iterator(moved.end()));
  // A state that cannot be had is no reason not to start, as in Consul: the check is critical until somebody says otherwise.
  auto states = each_file(data_dir, "checks/state", pending, "failed reading check states dir", [&](const std::string& path, result<std::string> text) -> status {
    const std::string file = data_dir + "/" + path;
    persisted_check_state p;
    if (!text) log::warn("agent", "failed restoring state for check: error=\"failed reading file \"{}\": {}\"", file, text.err().text);
    else if (auto decoded = from_json(*text, p, {.allow_unknown = true}); !decoded)
      log::err("agent", "failed decoding check state: file={} error=\"{}\"", file, decoded.err().text);
    else if (path != check_state_path(p.check_id)) log::debug("agent", "a check state under another name than its own is not read: file={}", file);
    else if (p.expires < unix_now) out.obsolete.push_back({path, std::nullopt});
    else state.restore_check_state(p.check_id, p.status, p.output);
    return {};
  });
  return states; // not to know which there are is something else: all would be critical, and be synced so
}

} // namespace actord::agent
