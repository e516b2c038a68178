// What the CLI's doctor, scan, run and destroy need of the kernel.
#pragma once

#include <memory>

#include "cli/local.h"
#include "owner/resolver.h"
#include "probe/books.h"

namespace sockdog {

class ProbeKernel : public LocalKernel {
  public:
    Result<std::vector<Capability>> capabilities() override;
    BooksPlace books_place() override;
    Result<ScanResult> scan() override;
    Result<RunReport> run(const RunPlan& plan) override;
    Result<DestroyPlan> plan_destroy(const Incident& incident) override;
    Result<DestroyResult> destroy(const Incident& incident, const DestroyPlan& plan) override;

  private:
    OwnerResolver resolver_{ProcRoot()};
};

}  // namespace sockdog
