// cluster init, cluster join: the first configuration of a node, and the line with which the next one gets its own. Not Consul's.
#include "api/cli/commands/groups.hpp"
#include "runtime/base/files.hpp"
#include "runtime/base/quote.hpp"
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

namespace actord::cli {
namespace {

constexpr const char* file_name = "agent.hcl";
constexpr const char* folder_of_package = "/etc/consul-actord.d"; // what its service reads

// A setting as a line of the file and, where others need it, as a flag of theirs.
std::string setting(std::string key, const std::string& value) {
  key.resize(std::max<size_t>(key.size(), 16), ' ');
  return key + " = " + value + "\n";
}

// A word of a line that is to be typed in a shell.
std::string typed(const std::string& word) {
  static constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./-";
  if (!word.empty() && word.find_first_not_of(plain) == word.npos) return word;
  std::string out = "'";
  for (char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

struct place {
  std::string folder, file, data;

  static place of(const parsed_flags& flags) {
    place p;
    std::error_code unknown;
    const auto named = std::filesystem::path(flags.rest.empty() ? "consul-actord.d" : flags.rest[0]);
    auto whole = std::filesystem::absolute(named, unknown).lexically_normal();
    p.folder = (whole.has_filename() ? whole : whole.parent_path()).string();
    p.file = p.folder + "/" + file_name;
    p.data = flags.text("data-dir", p.folder.starts_with("/etc/") ? "/var/lib/consul-actord" : p.folder + "/data");
    return p;
  }

  std::string how_to_start() const {
    const auto by_hand = "consul-actord agent -config-file=" + typed(file);
    if (folder != folder_of_package) return "    " + by_hand + "\n";
    // Not by hand where there is the service: root's files in its folder of data would keep it from starting.
    return "    systemctl start consul-actord\n    (without the package: " + by_hand + ")\n";
  }
};

struct role {
  bool server = false, first = false;
  uint64_t servers = 1;
  std::string key;

  std::string word() const {
    if (!server) return "client agent";
    return servers == 1 ? "the only server" : (first ? "the first of " : "one of ") + std::to_string(servers) + " servers";
  }
};

std::string configuration(const parsed_flags& flags, const place& at, const role& r) {
  std::string out = "# Made by `consul-actord cluster " + std::string(r.first ? "init" : "join") + "`: " + r.word() +
                    ". What else can be set here: consul-actord agent -help.\n";
  auto text = [&](const char* key, const std::string& value) {
    if (!value.empty()) out += setting(key, quote(value));
  };
  text("node_name", flags.text("node"));
  text("datacenter", flags.text("datacenter"));
  text("data_dir", at.data);
  text("bind_addr", flags.text("bind"));
  text("client_addr", flags.text("client"));
  if (r.server) out += setting("server", "true") + setting("bootstrap_expect", std::to_string(r.servers));
  std::string joined;
  for (auto& address : flags.all("retry-join")) joined += (joined.empty() ? "" : ", ") + quote(address);
  if (!joined.empty()) out += setting("retry_join", "[" + joined + "]");
  out += "\n# Whoever knows this key is a member: keep the file from others.\n" + setting("encrypt", quote(r.key));
  return out;
}

// What the next node is set up with.
std::string line_for_others(const parsed_flags& flags, const place& at, const node_config& mine, const role& r, bool server) {
  std::string out = "    consul-actord cluster join";
  if (server) out += " -server -bootstrap-expect=" + std::to_string(r.servers);
  if (auto name = flags.text("datacenter"); !name.empty()) out += " " + typed("-datacenter=" + name);
  const auto& ip = mine.advertise_addr;
  out += " " + typed("-retry-join=" + (ip.find(':') == std::string::npos ? ip : "[" + ip + "]")) + " " + typed("-encrypt=" + r.key);
  return at.folder == folder_of_package ? out + " " + folder_of_package : out; // another service reads the same
}

// Never over what is there: of two that run at once, one writes. Whose group the folder gives its files can read it, whatever the umask says.
status write_new(const place& at, const std::string& text) {
  if (auto made = make_folder(at.folder, 0750); !made) return made;
  const int fd = ::open(at.file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
  if (fd < 0 && errno == EEXIST) return error{errc::conflict, at.file + " is there already: remove it, or name another folder"};
  if (fd < 0) return file_error("open", at.file);
  struct stat folder{};
  const bool has_readers = ::stat(at.folder.c_str(), &folder) == 0 && (folder.st_mode & S_ISGID) != 0;
  auto written = has_readers && ::fchmod(fd, 0640) != 0 ? status(file_error("chmod", at.file)) : write_all(fd, text, at.file);
  if (written && ::fsync(fd) != 0) written = file_error("sync", at.file);
  ::close(fd);
  if (written) return sync_folder(at.folder);
  ::unlink(at.file.c_str());
  return written;
}

int write_and_tell(invocation& in, const role& r) {
  const auto at = place::of(in.flags);
  const auto text = configuration(in.flags, at, r);
  load_request request;
  request.hcl = {text};
  auto loaded = load(request); // as the agent will: what it would refuse is not written
  if (!loaded) return in.fail("Error: " + loaded.err().text);
  if (auto written = write_new(at, text); !written) return in.fail("Error: " + written.err().text);
  in.line("Wrote " + at.file + ": " + r.word() + ", gossip encrypted. Start it:\n");
  in.line(at.how_to_start());
  if (!r.first) return 0;
  if (r.servers > 1) in.line("On each of the other servers:\n\n" + line_for_others(in.flags, at, loaded->config, r, true) + "\n");
  else in.line("(The first of three servers is set up with -bootstrap-expect=3.)\n");
  in.line("On machines whose services and programs are to find it:\n\n" + line_for_others(in.flags, at, loaded->config, r, false));
  const auto& ip = loaded->config.advertise_addr;
  if (ip.starts_with("127.") || ip == "::1") in.line("\n(" + ip + " is this machine's alone: for others to join, give -bind an address that they reach.)");
  return 0;
}

int run_init(invocation& in) {
  if (in.args().size() > 1) return in.fail_with_help("At most one folder may be given.");
  role r{.server = true, .first = true, .servers = in.flags.unsigned_integer("bootstrap-expect", 1), .key = in.flags.text("encrypt")};
  if (r.servers == 0) return in.fail("Error: -bootstrap-expect is the number of servers, at least 1");
  if (r.key.empty()) {
    auto key = fresh_gossip_key();
    if (!key) return in.fail(key.err().text);
    r.key = *key;
  }
  return write_and_tell(in, r);
}

int run_join(invocation& in) {
  if (in.args().size() > 1) return in.fail_with_help("At most one folder may be given.");
  role r{.server = in.flags.boolean("server"), .first = false, .servers = in.flags.unsigned_integer("bootstrap-expect", 1), .key = in.flags.text("encrypt")};
  if (in.flags.all("retry-join").empty() || r.key.empty())
    return in.fail_with_help("Error: -retry-join and -encrypt are needed; `consul-actord cluster init` printed the line with both.");
  if (r.server && !in.flags.has("bootstrap-expect")) return in.fail("Error: -server needs -bootstrap-expect, the number of all servers");
  if (!r.server && in.flags.has("bootstrap-expect")) return in.fail("Error: -bootstrap-expect is for servers: give -server as well");
  return write_and_tell(in, r);
}

std::vector<flag_spec> flags_of_both() {
  return {text_flag("bind", "Address of this machine for the other agents; the only private one, looked up at each start, when it is not given.", "address"),
          text_flag("client", "Address for HTTP and DNS; 127.0.0.1 when it is not given.", "address"),
          text_flag("data-dir", "Folder of the agent's data; \"data\" in the folder, or /var/lib/consul-actord for a folder below /etc."),
          text_flag("datacenter", "Name of the datacenter; dc1 when it is not given."),
          text_flag("encrypt", "Key of the gossip, as keygen makes it; init makes one when it is not given."),
          text_flag("node", "Name of this node; the machine's when it is not given."),
          uint_flag("bootstrap-expect", "Number of all servers: 1, 3 or 5. They elect a leader once they have found each other.")};
}

} // namespace

void add_cluster_commands(command_list& to) {
  to.push_back({"cluster", "Sets up the first and the next nodes of a cluster", "<subcommand> [options] [args]",
                "  Writes the configuration of a node that starts a cluster or joins it.", no_flags, {}, nullptr});
  to.push_back({"cluster init", "Writes the configuration of a first server", "[options] [FOLDER]",
                "  Makes FOLDER/agent.hcl, or consul-actord.d/agent.hcl: a server with a key for the\n"
                "  gossip, a new one unless it is given. The service of the package reads\n"
                "  /etc/consul-actord.d. Prints how to start it, and the lines by which further\n"
                "  servers and client agents are set up on their machines. They hold the key.\n\n"
                "  A file that is there already is left alone, and nothing is started.",
                no_flags, flags_of_both(), run_init});
  auto join = flags_of_both();
  join.push_back(bool_flag("server", "A server, not a client agent."));
  join.push_back({.name = "retry-join", .kind = flag_kind::repeated, .help = "Address of an agent that is there already; may be repeated.", .value_word = "address"});
  to.push_back({"cluster join", "Writes the configuration of a node that joins", "[options] [FOLDER]",
                "  Makes FOLDER/agent.hcl of a client agent, or with -server of a server, that joins\n"
                "  the cluster of a `cluster init` elsewhere, which printed the line to use.",
                no_flags, join, run_join});
}

} // namespace actord::cli
