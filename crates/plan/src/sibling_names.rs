//! The numbers that tell statements beside each other apart in paths: `run`, `run#2`. Two that may
//! turn out to have one name never have one number, whatever their values will be.

use std::collections::HashMap;

use lockstep_base::node_path::HandlerPart;
use lockstep_base::source::Name;
use lockstep_base::value::{InfrastructureId, ServiceId};

/// The numbers that the children of one visible node have had so far.
#[derive(Debug, Default)]
pub struct SiblingNames {
    by_name: HashMap<Name, u32>,
    /// Where there are any.
    deployments: Option<Box<DeploymentNumbers>>,
}

impl SiblingNames {
    /// The number of the next child with this name.
    pub fn number(&mut self, name: &Name) -> u32 {
        // What handlers are called is theirs.
        let is_taken = HandlerPart::ALL.iter().any(|it| it.as_str() == &**name);
        let last = self
            .by_name
            .entry(name.clone())
            .or_insert(u32::from(is_taken));
        *last += 1;
        *last
    }

    /// The number of the next deployment, of which the service or the place may not be known yet:
    /// one more than that of any before it that may deploy the same to the same place.
    pub fn number_of_deployment(
        &mut self,
        service: Option<ServiceId>,
        target: Option<InfrastructureId>,
    ) -> u32 {
        let deployments = self.deployments.get_or_insert_default();
        let number = deployments.last_that_may_be(service, target) + 1;
        deployments.add(service, target, number);
        number
    }
}

/// The highest numbers of deployments, by what is known of them.
#[derive(Debug, Default)]
struct DeploymentNumbers {
    by_both: HashMap<(Option<ServiceId>, Option<InfrastructureId>), u32>,
    by_service: HashMap<Option<ServiceId>, u32>,
    by_target: HashMap<Option<InfrastructureId>, u32>,
    last: u32,
}

impl DeploymentNumbers {
    fn last_that_may_be(
        &self,
        service: Option<ServiceId>,
        target: Option<InfrastructureId>,
    ) -> u32 {
        let numbers = match (service, target) {
            (None, None) => return self.last,
            (Some(_), None) => [service, None]
                .map(|service| self.by_service.get(&service))
                .to_vec(),
            (None, Some(_)) => [target, None]
                .map(|target| self.by_target.get(&target))
                .to_vec(),
            (Some(_), Some(_)) => [
                (service, target),
                (service, None),
                (None, target),
                (None, None),
            ]
            .map(|both| self.by_both.get(&both))
            .to_vec(),
        };
        numbers.into_iter().flatten().copied().max().unwrap_or(0)
    }

    fn add(&mut self, service: Option<ServiceId>, target: Option<InfrastructureId>, number: u32) {
        let last = [
            self.by_both.entry((service, target)).or_default(),
            self.by_service.entry(service).or_default(),
            self.by_target.entry(target).or_default(),
            &mut self.last,
        ];
        for last in last {
            *last = number.max(*last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_one_name_has_two_numbers() {
        let known = [None, Some(0), Some(1)];
        let all: Vec<_> = (0..81)
            .map(|at| {
                (
                    known[at % 3],
                    known[at / 3 % 3],
                    known[at / 9 % 3],
                    known[at / 27],
                )
            })
            .flat_map(|(a, b, c, d)| [(a, b), (c, d)])
            .map(|(service, target)| (service.map(ServiceId), target.map(InfrastructureId)))
            .collect();
        let mut names = SiblingNames::default();
        let numbered: Vec<_> = all
            .iter()
            .map(|(service, target)| names.number_of_deployment(*service, *target))
            .zip(&all)
            .collect();
        let may_be =
            |one: Option<u32>, other: Option<u32>| one.is_none() || other.is_none() || one == other;
        for (at, (number, (service, target))) in numbered.iter().enumerate() {
            for (other, (its_service, its_target)) in &numbered[..at] {
                let alike = may_be(service.map(|it| it.0), its_service.map(|it| it.0))
                    && may_be(target.map(|it| it.0), its_target.map(|it| it.0));
                assert!(!alike || number > other);
            }
        }
    }

    #[test]
    fn a_statement_is_not_called_like_a_handler() {
        let mut names = SiblingNames::default();
        assert_eq!(names.number(&Name::from("undo")), 2);
        assert_eq!(names.number(&Name::from("run")), 1);
        assert_eq!(names.number(&Name::from("run")), 2);
    }
}
