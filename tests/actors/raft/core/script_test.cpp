// Conversations between cores, tests/scripts/raft/*.txt: lines "> command" are carried out, what follows is what must be
// printed. ACTORD_REWRITE=1 in the environment writes the scripts anew; read the difference before you keep it.
//   cluster N            N voters s1..sN, disks that sync at once
//   hold s | sync s      the disk of s keeps its writes back | syncs what waits
//   campaign s | tick s N | propose s TEXT | read s COOKIE | transfer s TO | crash s | start s
//   step                 delivers the oldest message, deliver: all of them, drop: loses all that are under way
//   cut s... | heal      messages of these servers are lost | are no more
#include "tests/actors/raft/core/cluster.hpp"
#include "tests/support/tests_folder.hpp"
#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <sstream>

using namespace actord;
using namespace actord::raft;

namespace {

const char* name_of(message_kind k) {
  static constexpr const char* names[] = {"?", "pre_vote", "pre_vote_reply", "vote", "vote_reply", "append",
                                          "append_reply", "heartbeat", "heartbeat_reply", "install_snapshot",
                                          "timeout_now"};
  return names[static_cast<size_t>(k)];
}

std::string describe(const message& m) {
  std::string out = fmt::format("{} -> {} {} term {}", m.from, m.to, name_of(m.kind), m.term.v);
  const bool reply = m.kind == message_kind::pre_vote_reply || m.kind == message_kind::vote_reply ||
                     m.kind == message_kind::append_reply;
  if (reply) out += m.reject ? " no" : " yes";
  if (m.kind == message_kind::append_reply) out += fmt::format(" at {}", m.log_index.v);
  if (m.kind == message_kind::append || m.kind == message_kind::vote || m.kind == message_kind::pre_vote)
    out += fmt::format(" after {}/{}", m.log_index.v, m.log_term.v);
  if (m.kind == message_kind::append || m.kind == message_kind::heartbeat) out += fmt::format(" commit {}", m.commit.v);
  if (m.round != 0) out += fmt::format(" round {}", m.round);
  for (const auto& e : m.entries)
    out += fmt::format(" [{}/{} {}]", e.index.v, e.term.v, e.kind == entry_kind::noop         ? "noop"
                                                          : e.kind == entry_kind::membership ? "members"
                                                                                             : e.bytes());
  return out;
}

class conversation {
public:
  std::string run(const std::string& line) {
    std::istringstream in(line);
    std::string verb, who;
    in >> verb;
    out_.clear();
    if (verb == "cluster") {
      size_t n = 3;
      in >> n;
      cluster_ = std::make_unique<test_cluster>(n);
      for (size_t i = 1; i <= n; ++i) names_.push_back("s" + std::to_string(i));
      seen_.clear();
      return {};
    }
    const size_t before = cluster_->mail.size();
    if (verb == "step" || verb == "deliver") {
      do step();
      while (verb == "deliver" && !cluster_->mail.empty());
    } else if (verb == "drop") {
      cluster_->mail.clear();
    } else if (verb == "heal") {
      cluster_->down.clear();
    } else if (verb == "cut") {
      while (in >> who) cluster_->down.insert(who);
    } else {
      in >> who;
      act(verb, who, in);
      for (size_t i = before; i < cluster_->mail.size(); ++i) out_ += "  sends " + describe(cluster_->mail[i]) + "\n";
    }
    report();
    return out_;
  }

private:
  void act(const std::string& verb, const std::string& who, std::istringstream& in) {
    auto& c = *cluster_;
    std::string text;
    uint64_t number = 1;
    if (verb == "campaign") c.core(who).campaign();
    else if (verb == "tick" && in >> number) c.tick(who, number);
    else if (verb == "propose" && in >> text) c.core(who).propose(text, ++cookie_);
    else if (verb == "read" && in >> number) c.core(who).read_index(number);
    else if (verb == "transfer" && in >> text) c.core(who).transfer_leadership(text);
    else if (verb == "hold") c[who].auto_sync = false;
    else if (verb == "sync") c.sync(who);
    else if (verb == "crash") c.crash(who);
    else if (verb == "start") c.start(who);
    else out_ += "unknown command\n";
    if (c[who].core) c.collect(who);
  }

  void step() {
    auto& c = *cluster_;
    if (c.mail.empty()) return;
    message m = std::move(c.mail.front());
    c.mail.erase(c.mail.begin());
    const bool lost = c.down.contains(m.from) || c.down.contains(m.to) || !c[m.to].core;
    out_ += "  " + describe(m) + (lost ? " (lost)" : "") + "\n";
    if (lost) return;
    const server_id to = m.to;
    c.core(to).step(std::move(m));
    c.collect(to);
  }

  // What has become of each server since the last command.
  void report() {
    for (const auto& id : names_) {
      auto& n = (*cluster_)[id];
      std::string now = "down";
      if (n.core) {
        static constexpr const char* roles[] = {"follower", "pre-candidate", "candidate", "leader"};
        now = fmt::format("{} term {} log {} durable {} commit {}", roles[static_cast<size_t>(n.core->role())],
                          n.core->term().v, n.core->last_index().v, n.core->stable_index().v,
                          n.core->commit_index().v);
        if (!n.core->vote().empty()) now += " vote " + n.core->vote();
      }
      if (seen_[id] != now) out_ += fmt::format("{}: {}\n", id, now);
      seen_[id] = now;
      for (const auto& r : n.reads) out_ += fmt::format("{} serves read {} at {}\n", id, r.cookie, r.index.v);
      for (const auto& r : n.rejected) out_ += fmt::format("{} refuses {}\n", id, r.cookie);
      n.reads.clear();
      n.rejected.clear();
    }
  }

  std::unique_ptr<test_cluster> cluster_;
  std::vector<server_id> names_;
  std::map<server_id, std::string> seen_;
  std::string out_;
  uint64_t cookie_ = 0;
};

std::string play(const std::string& script) {
  conversation c;
  std::istringstream in(script);
  std::string out, line;
  bool in_output = false;
  while (std::getline(in, line)) {
    if (line.starts_with("> ")) {
      out += line + "\n" + c.run(line.substr(2));
      in_output = true;
    } else if (line.empty() || line.starts_with("#")) {
      out += line + "\n";
      in_output = false;
    } else if (!in_output) {
      out += line + "\n";
    }
  }
  return out;
}

} // namespace

TEST_CASE("every conversation goes as it was written down") {
  size_t played = 0;
  for (const auto& file : std::filesystem::directory_iterator(actord::test::tests_folder() + "/scripts/raft")) {
    if (file.path().extension() != ".txt") continue;
    std::ifstream in(file.path());
    const std::string script{std::istreambuf_iterator<char>(in), {}};
    const std::string now = play(script);
    CAPTURE(file.path().filename().string());
    CHECK(now == script);
    if (std::getenv("ACTORD_REWRITE") != nullptr) std::ofstream(file.path()) << now;
    ++played;
  }
  CHECK(played > 0);
}
