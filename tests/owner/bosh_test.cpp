#include "owner/bosh.h"

#include <gtest/gtest.h>

#include <vector>

namespace sockdog {
namespace {

std::string told(const std::optional<BoshNames>& names) {
    return names ? names->job + "|" + names->process : "nothing";
}

TEST(BpmId, IsDecodedToJobAndProcess) {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"bpm-nats", "nats|nats"},
        {"bpm-health_monitor", "health_monitor|health_monitor"},
        {"bpm-nats-tls", "nats-tls|nats-tls"},
        {"bpm-director.2eworker_1", "director|worker_1"},
        {"bpm-director.2eworker_1.scope", "director|worker_1"},
        {"bpm-job.2ea.2eb", "job|a.b"},
        // not bpm's, or not names
        {"bpm-", "nothing"},
        {"bpm", "nothing"},
        {"bpm-.scope", "nothing"},
        {"bpm-a.2", "nothing"},
        {"bpm-a.", "nothing"},
        {"bpm-a.zz", "nothing"},
        {"bpm-a.2E", "nothing"},
        {"bpm-a.2fb", "nothing"},  // '/'
        {"bpm-a.00b", "nothing"},  // NUL
        {"bpm-a.0ab", "nothing"},  // newline
        {"bpm-.2ea", "nothing"},
        {"bpm-a.2e", "nothing"},
        {"bpm-.2e.2e", "nothing"},
        {"bpm-a b", "nothing"},
        {"bpm-\xff", "nothing"},
        {"xbpm-a", "nothing"},
    };
    for (const auto& [id, names] : cases) EXPECT_EQ(told(parse_bpm_id(id)), names) << id;
}

struct Case {
    std::string executable;
    std::vector<std::string> arguments;
    std::string names;
};

TEST(BoshJob, IsToldByWhatRuns) {
    const std::vector<Case> cases = {
        {"/var/vcap/data/packages/ruby-3.1/0f3a/bin/ruby",
         {"ruby", "/var/vcap/packages/health_monitor/bin/bosh-monitor", "-c",
          "/var/vcap/jobs/health_monitor/config/health_monitor.yml"},
         "health_monitor|"},
        {"/var/vcap/packages/gorouter/bin/gorouter",
         {"gorouter", "--config=/var/vcap/jobs/gorouter/config.yml"},
         "gorouter|"},
        {"/var/vcap/data/packages/nginx/1a2b/sbin/nginx", {"nginx: worker process"}, "nothing"},
        {"/var/vcap/jobs/blobstore/bin/run", {"run"}, "blobstore|"},
        {"/var/vcap/data/jobs/blobstore/6f9c/bin/run", {"run"}, "blobstore|"},
        {"/usr/bin/bash", {"/bin/bash", "/var/vcap/jobs/foo/bin/foo_ctl", "start"}, "foo|"},
        {"/usr/bin/python3.11", {"python3", "/var/vcap/data/jobs/foo/abc/bin/serve.py"}, "foo|"},
        {"/var/vcap/data/bpm/bundles/director/worker_1/rootfs/bin/x", {"x"}, "director|worker_1"},
        {"/var/vcap/data/packages/bpm/77/bin/runc",
         {"runc", "run", "--bundle", "/var/vcap/data/bpm/bundles/director/sync_dns"},
         "director|sync_dns"},
        // has such a path at hand, and is no job
        {"/usr/bin/tail", {"tail", "-f", "/var/vcap/jobs/director/log"}, "nothing"},
        {"/usr/bin/tail", {"tail", "/var/vcap/jobs/director/log"}, "nothing"},
        {"/usr/bin/vim", {"vim", "/var/vcap/jobs/director/config/director.yml"}, "nothing"},
        {"/usr/bin/bash", {"bash", "-c", "cat /var/vcap/jobs/director/config/x"}, "nothing"},
        {"/usr/sbin/nodebug", {"x", "/var/vcap/jobs/director/bin/x"}, "nothing"},
        {"/home/eve/var/vcap/jobs/director/bin/x", {"x"}, "nothing"},
        {"/usr/bin/nginx", {"nginx"}, "nothing"},
        {"", {}, "nothing"},
        {"", {"x", "/var/vcap/jobs/director/bin/x"}, "nothing"},
        // hostile
        {"/var/vcap/jobs/", {}, "nothing"},
        {"/var/vcap/jobs/../../../tmp/x", {}, "nothing"},
        {"/var/vcap/jobs/./x", {}, "nothing"},
        {"/var/vcap/jobs//x", {}, "nothing"},
        {"/var/vcap/jobs/\xff/x", {}, "nothing"},
        {"/var/vcap/data/bpm/bundles/", {}, "nothing"},
        {"/var/vcap/data/bpm/bundles/director", {}, "nothing"},
        {"/var/vcap/data/bpm/bundles/director/", {}, "nothing"},
        {"/var/vcap/packages/x/bin/x", {"--a=/var/vcap/jobs/a\nb/c"}, "a|"},
    };
    for (const Case& c : cases)
        EXPECT_EQ(told(find_bosh_names(c.executable, c.arguments)), c.names) << c.executable;
}

}  // namespace
}  // namespace sockdog
