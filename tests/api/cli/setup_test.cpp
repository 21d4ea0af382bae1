// What helps to set up: cluster init and join, completion, the manual's pages.
#include "api/cli/cli_main.hpp"
#include "api/cli/completion.hpp"
#include "api/cli/man_page.hpp"
#include "runtime/base/files.hpp"
#include <doctest/doctest.h>
#include <filesystem>
#include <map>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

using namespace actord;
using namespace actord::cli;

namespace {

struct ran {
  int code = 0;
  std::string out, err;
};

ran run(const std::vector<std::string>& args, std::map<std::string, std::string> environment = {}) {
  ran r;
  cli_io io{[&](std::string_view t) { r.out += t; }, [&](std::string_view t) { r.err += t; }, [] { return std::string(); },
            [&](const char* name) { return environment[name]; }};
  r.code = run_command_line(args, io, {});
  return r;
}

struct temporary_folder {
  std::string path = (std::filesystem::temp_directory_path() / "setup-test-XXXXXX").string();
  temporary_folder() { REQUIRE(::mkdtemp(path.data())); }
  ~temporary_folder() { std::filesystem::remove_all(path); }
};

// What an agent makes of the file.
node_config loaded(const std::string& file) {
  load_request request;
  request.paths = {file};
  auto config = load(request);
  REQUIRE_MESSAGE(config.ok(), (config ? "" : config.err().text));
  return config->config;
}

// The words of the printed line that begins so.
std::vector<std::string> line_of(const std::string& text, const std::string& begin) {
  const auto at = text.find(begin);
  REQUIRE(at != std::string::npos);
  std::vector<std::string> words(1);
  for (char c : text.substr(at, text.find('\n', at) - at))
    if (c == ' ') words.emplace_back();
    else words.back() += c;
  return {words.begin() + 1, words.end()};
}

} // namespace

TEST_CASE("cluster init writes what an agent starts with, and the printed lines write what joins it") {
  temporary_folder folder;
  const auto first = run({"cluster", "init", "-bind=127.0.0.1", "-bootstrap-expect=3", "-datacenter=north", folder.path + "/a"});
  REQUIRE_MESSAGE(first.code == 0, first.err);
  CHECK(first.out.find("agent -config-file=" + folder.path + "/a/agent.hcl\n") != std::string::npos);
  const auto a = loaded(folder.path + "/a/agent.hcl");
  CHECK(a.server);
  CHECK(a.bootstrap_expect == 3);
  CHECK(a.data_dir == folder.path + "/a/data");
  CHECK(a.encrypt.size() == 44);
  struct stat about{};
  REQUIRE(::stat((folder.path + "/a/agent.hcl").c_str(), &about) == 0);
  CHECK((about.st_mode & 07777) == 0640);

  auto server = line_of(first.out, "consul-actord cluster join -server");
  for (auto* more : {"-bind=127.0.0.1", "-node=b"}) server.emplace_back(more);
  server.push_back(folder.path + "/b");
  REQUIRE(run(server).code == 0);
  const auto b = loaded(folder.path + "/b/agent.hcl");
  CHECK(b.server);
  CHECK(b.bootstrap_expect == 3);
  CHECK(b.datacenter == "north");
  CHECK(b.node_name == "b");
  CHECK(b.encrypt == a.encrypt);
  CHECK(b.retry_join == string_list{"127.0.0.1"});

  auto client = line_of(first.out, "consul-actord cluster join -datacenter");
  client.emplace_back("-bind=127.0.0.1");
  client.push_back(folder.path + "/c/");
  REQUIRE(run(client).code == 0);
  const auto c = loaded(folder.path + "/c/agent.hcl");
  CHECK(!c.server);
  CHECK(c.encrypt == a.encrypt);
}

TEST_CASE("a lone server prints no line for other servers, and every init makes a key of its own") {
  temporary_folder folder;
  const auto r = run({"cluster", "init", "-bind=127.0.0.1", folder.path + "/a"});
  CHECK(r.out.find("-server") == std::string::npos);
  REQUIRE(run({"cluster", "init", "-bind=127.0.0.1", folder.path + "/b"}).code == 0);
  CHECK(loaded(folder.path + "/a/agent.hcl").encrypt != loaded(folder.path + "/b/agent.hcl").encrypt);
}

TEST_CASE("cluster init and join write nothing that is wrong, and not over what is there") {
  temporary_folder folder;
  const auto at = folder.path + "/a";
  for (auto& args : std::vector<std::vector<std::string>>{{"init", "-bind=127.0.0.1", "-bootstrap-expect=0"},
                                                          {"init", "-bind=127.0.0.1", "-encrypt=short"},
                                                          {"init", "-bind=127.0.0.1", "-datacenter=no way"},
                                                          {"join", "-bind=127.0.0.1", "-retry-join=127.0.0.1"},
                                                          {"join", "-bind=127.0.0.1", "-encrypt=pUqJrVyVRj5jsiYEkM/tFQYfWyJIv4s3XkvDwy7Cu5s="}}) {
    std::vector<std::string> all{"cluster"};
    all.insert(all.end(), args.begin(), args.end());
    all.push_back(at);
    const auto r = run(all);
    CHECK(r.code == 1);
    CHECK(!r.err.empty());
    CHECK(!std::filesystem::exists(at));
  }
  REQUIRE(run({"cluster", "init", "-bind=127.0.0.1", at}).code == 0);
  const auto before = **read_file(at + "/agent.hcl");
  const auto again = run({"cluster", "init", "-bind=127.0.0.1", at});
  CHECK(again.code == 1);
  CHECK(again.err == "Error: " + at + "/agent.hcl is there already: remove it, or name another folder\n");
  CHECK(**read_file(at + "/agent.hcl") == before);
}

TEST_CASE("cluster init writes what the folder's group can read, whatever the umask, and for nobody else's group") {
  temporary_folder folder;
  const auto mode_of = [&](const char* name, mode_t kept, mode_t mask) {
    const auto at = folder.path + name;
    REQUIRE(::mkdir(at.c_str(), 0700) == 0);
    REQUIRE(::chmod(at.c_str(), kept) == 0);
    const auto before = ::umask(mask);
    const auto r = run({"cluster", "init", "-bind=127.0.0.1", at});
    ::umask(before);
    REQUIRE_MESSAGE(r.code == 0, r.err);
    struct stat about{};
    REQUIRE(::stat((at + "/agent.hcl").c_str(), &about) == 0);
    return about.st_mode & 07777;
  };
  CHECK(mode_of("/of-a-service", 02750, 077) == 0640);
  CHECK(mode_of("/own", 0750, 077) == 0600);
  CHECK(mode_of("/open", 0755, 0) == 0640);
}

TEST_CASE("cluster init follows no link that leads nowhere, and leaves nothing of a folder that cannot be") {
  temporary_folder folder;
  REQUIRE(::symlink("nowhere", (folder.path + "/agent.hcl").c_str()) == 0);
  const auto linked = run({"cluster", "init", "-bind=127.0.0.1", folder.path});
  CHECK(linked.code == 1);
  CHECK(linked.err.find("/agent.hcl is there already") != std::string::npos);
  CHECK(std::filesystem::is_symlink(folder.path + "/agent.hcl"));
  CHECK(!std::filesystem::exists(folder.path + "/nowhere"));
  const auto below_a_file = run({"cluster", "init", "-bind=127.0.0.1", "/dev/null/x"});
  CHECK(below_a_file.code == 1);
  CHECK(below_a_file.err.find("ot a directory") != std::string::npos);
}

TEST_CASE("a printed line is one for a shell, whatever the names") {
  temporary_folder folder;
  const auto odd = folder.path + "/it's $(a b)";
  const auto r = run({"cluster", "init", "-bind=::1", "-bootstrap-expect=3", odd});
  REQUIRE_MESSAGE(r.code == 0, r.err);
  CHECK(r.out.find("agent -config-file='" + folder.path + "/it'\\''s $(a b)/agent.hcl'\n") != std::string::npos);
  CHECK(r.out.find(" '-retry-join=[::1]' ") != std::string::npos); // a pattern to a shell
  CHECK(r.out.find("\n(::1 is this machine's alone: ") != std::string::npos);
  CHECK(loaded(odd + "/agent.hcl").data_dir == odd + "/data");
}

TEST_CASE("what may follow is offered: commands, subcommands, and flags after a dash") {
  using words = std::vector<std::string>;
  CHECK(completions("consul-actord cl") == words{"cluster"});
  CHECK(completions("consul-actord kv ") == words{"delete", "export", "get", "import", "put"});
  CHECK(completions("/usr/bin/consul-actord kv  pu") == words{"put"});
  CHECK(completions("consul-actord kv get -det") == words{"-detailed"});
  CHECK(completions("consul-actord agent -bootstrap") == words{"-bootstrap", "-bootstrap-expect"});
  CHECK(completions("consul-actord kv get ").empty()); // a key
  CHECK(completions("consul-actord nothing ").empty());
  CHECK(completions("consul-act").empty());
  CHECK(completions("").empty());
  const auto r = run({}, {{"COMP_LINE", "consul-actord operator raft"}, {"COMP_POINT", "20"}});
  CHECK(r.code == 0);
  CHECK(r.out == "operator\n");
}

TEST_CASE("the manual names every command and every setting, and no line of text is taken for a request") {
  const auto commands = man_page_of_commands("2026-11-30"), settings = man_page_of_settings("2026-11-30");
  for (auto* text : {".SS kv put\n", ".SS cluster init\n", "consul\\-actord kv get [options]", "\\-bootstrap\\-expect"}) CHECK(commands.find(text) != std::string::npos);
  for (auto* text : {".B ports.dns\n", "Default: 8600.", "Flag: \\-retry\\-join.", "web page. No effect yet."}) CHECK(settings.find(text) != std::string::npos);
  CHECK(commands.find("$ consul\\-actord kv put") != std::string::npos);
  CHECK(commands.find("$ consul ") == std::string::npos);
  CHECK(commands.find("No effect yet.") != std::string::npos); // a flag of the agent that does nothing says so
  const std::set<std::string> requests{"TH", "ad", "SH", "SS", "B", "BR", "I", "TP", "nf", "fi"};
  for (auto* page : {&commands, &settings})
    for (size_t at = 0; (at = page->find("\n.", at)) != std::string::npos; ++at) {
      const auto line = page->substr(at + 2, page->find('\n', at + 1) - at - 2);
      CHECK_MESSAGE(requests.contains(line.substr(0, line.find(' '))), line);
    }
}
