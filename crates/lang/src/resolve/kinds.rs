//! Finds the kinds that each kind extends: `kind php extends app`.

use std::sync::Arc;

use super::{DeclKind, Modules, errors};
use lockstep_base::diagnostic::Diagnostics;
use lockstep_base::value::KindRef;
use lockstep_syntax::ast::ItemKind;

/// Notes for each kind those that it extends. One that would extend itself extends nothing.
pub(super) fn extend(modules: &mut Modules, diagnostics: &mut Diagnostics) {
    let mut direct: Vec<Option<u32>> = Vec::new();
    for site in &modules.decls.kinds {
        let ItemKind::Kind(kind) = &modules.item(site).kind else {
            direct.push(None);
            continue;
        };
        let base = kind.base.as_ref();
        let found = base.map(|base| modules.path(site.file, base, DeclKind::Kind));
        direct.push(match found {
            Some(Ok(base)) => Some(base),
            Some(Err(error)) => {
                diagnostics.extend(error.map(|error| *error));
                None
            }
            None => None,
        });
    }
    let mut all = Vec::new();
    let mut in_circle = Vec::new();
    for (at, base) in direct.iter().enumerate() {
        let mut chain: Vec<u32> = Vec::new();
        let mut next = *base;
        while let Some(base) = next {
            if base as usize == at {
                in_circle.push(at as u32);
                chain.clear();
                break;
            }
            if chain.contains(&base) {
                break;
            }
            chain.push(base);
            next = direct[base as usize];
        }
        all.push(chain);
    }
    // The kinds of one circle are one mistake.
    let mut told: Vec<u32> = Vec::new();
    for at in &in_circle {
        if told.contains(at) {
            continue;
        }
        let mut next = Some(*at);
        while let Some(kind) = next.filter(|kind| !told.contains(kind)) {
            told.push(kind);
            next = direct[kind as usize];
        }
        let site = &modules.decls.kinds[*at as usize];
        diagnostics.push(errors::kind_extends_itself(&site.name));
    }
    let bases = all.into_iter().map(|chain| {
        let chain = chain.into_iter().filter(|base| !in_circle.contains(base));
        let base = |id: u32| KindRef {
            id,
            name: modules.decls.kinds[id as usize].name.name.clone(),
            bases: Arc::default(),
        };
        chain.map(base).collect()
    });
    modules.decls.kind_bases = bases.collect();
}
